package vm

import (
	"testing"
	"testing/fstest"
)

// What a program can have is what its machine has, or the least that the control groups around it leave it.
func TestMachineMemory(t *testing.T) {
	const meminfo = "MemTotal:       16384 kB\nMemFree:         1000 kB\n"
	for name, tt := range map[string]struct {
		files map[string]string
		want  uint64
	}{
		"nothing is said":  {nil, fallbackMemory},
		"machine only":     {map[string]string{"proc/meminfo": meminfo}, 16 << 20},
		"nonsense":         {map[string]string{"proc/meminfo": "MemTotal: lots\n", "proc/self/cgroup": "0\n::\nx\n"}, fallbackMemory},
		"group of nothing": {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "0\n"}, 16 << 20},
		"version 2": {map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/user/service\n", "sys/fs/cgroup/user/service/memory.max": "4194304\n",
		}, 4 << 20},
		"version 2, a group around it": {map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/user/service\n",
			"sys/fs/cgroup/user/service/memory.max": "max\n", "sys/fs/cgroup/user/memory.max": "2097152\n",
		}, 2 << 20},
		"version 2, no bound": {map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n",
		}, 16 << 20},
		"version 2, more than there is": {map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1073741824\n",
		}, 16 << 20},
		"version 1": {map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "5:cpu:/x\n4:memory:/docker/1\n0::/\n",
			"sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes": "8388608\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes":          "9223372036854771712\n",
		}, 8 << 20},
		"version 1, seen from inside": {map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "4:cpuset,memory:/docker/1\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "8388608\n",
		}, 8 << 20},
		"a path that leads out": {map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/../../etc\n", "sys/fs/cgroup/memory.max": "8388608\n",
		}, 8 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			system := fstest.MapFS{}
			for file, text := range tt.files {
				system[file] = &fstest.MapFile{Data: []byte(text)}
			}
			if got := memoryOf(system); got != tt.want {
				t.Errorf("%d bytes, want %d", got, tt.want)
			}
		})
	}
}

// Whatever the files say, there is some memory, and no more than the machine has.
func FuzzMachineMemory(f *testing.F) {
	f.Add("MemTotal: 16384 kB\n", "0::/a/b\n", "4194304\n")
	f.Add("MemTotal: 18446744073709551615 kB\n", "4:memory:/x\n0::/..\n", "max\n")
	f.Add("", ":::\n::", "-1\n99999999999999999999\n")
	f.Fuzz(func(t *testing.T, meminfo, groups, limit string) {
		system := fstest.MapFS{"proc/meminfo": {Data: []byte(meminfo)}, "proc/self/cgroup": {Data: []byte(groups)}}
		machine := memoryOf(system)
		system["sys/fs/cgroup/memory.max"] = &fstest.MapFile{Data: []byte(limit)}
		if got := memoryOf(system); got == 0 || got > machine {
			t.Errorf("%d bytes, of %d", got, machine)
		}
	})
}
