package guest

import (
	"io/fs"
	"reflect"

	"github.com/tetratelabs/wazero/api"
	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
)

// descriptors is the runtime's table of a guest's descriptors. The runtime has no way to put a file
// into it but for a guest that opens a path, nor to look one up; the methods that do so are exported
// by a package that is not. So they are found by reflection, and TestDescriptors fails when a new
// version of the runtime has others.
type descriptors struct{ table reflect.Value }

// descriptorsOf gives the table of an instance, a guest's own.
func descriptorsOf(instance api.Module) descriptors {
	system := reflect.ValueOf(instance).Elem().FieldByName("Sys")
	return descriptors{system.MethodByName("FS").Call(nil)[0]}
}

// file gives the file of a descriptor.
func (d descriptors) file(descriptor int32) (experimentalsys.File, bool) {
	found := d.table.MethodByName("LookupFile").Call([]reflect.Value{reflect.ValueOf(descriptor)})
	if !found[1].Bool() {
		return nil, false
	}
	file, ok := found[0].Elem().FieldByName("File").Interface().(experimentalsys.File)
	return file, ok
}

// add gives a file the lowest free descriptor.
func (d descriptors) add(file experimentalsys.File) (int32, experimentalsys.Errno) {
	opener := d.table.Interface().(interface {
		OpenFile(experimentalsys.FS, string, experimentalsys.Oflag, fs.FileMode) (int32, experimentalsys.Errno)
	})
	return opener.OpenFile(oneFile{file: file}, "", 0, 0)
}

// oneFile is a file system with a file under every name.
type oneFile struct {
	experimentalsys.UnimplementedFS

	file experimentalsys.File
}

// OpenFile gives the file.
func (o oneFile) OpenFile(string, experimentalsys.Oflag, fs.FileMode) (experimentalsys.File, experimentalsys.Errno) {
	return o.file, 0
}
