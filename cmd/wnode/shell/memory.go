package shell

import (
	"github.com/dop251/goja"

	"github.com/wnode/wnode"
)

// memory gives what a node keeps for its processes.
func (e *Evaluator) memory(m wnode.Memory) goja.Value {
	modules := make([]any, len(m.Modules))
	for i, of := range m.Modules {
		modules[i] = e.object([]infoField{
			{"module", e.rt.ToValue("sha256:" + of.Module.String())},
			{"name", e.rt.ToValue(of.Name)},
			{"running", e.rt.ToValue(of.Processes)},
			{"total", e.rt.ToValue(of.Total())},
			{"processes", e.rt.ToValue(of.Instances)},
			{"pooled", e.rt.ToValue(of.Pooled)},
			{"images", e.rt.ToValue(of.Images)},
			{"code", e.rt.ToValue(of.Code)},
		})
	}
	return e.object([]infoField{
		{"most", e.rt.ToValue(m.Most)},
		{"total", e.rt.ToValue(m.Total())},
		{"processes", e.rt.ToValue(m.Processes)},
		{"pooled", e.rt.ToValue(m.Pooled)},
		{"images", e.rt.ToValue(m.Images)},
		{"code", e.rt.ToValue(m.Code)},
		{"waiting", e.rt.ToValue(m.Waiting)},
		{"links", e.rt.ToValue(m.Links)},
		{"modules", e.rt.NewArray(modules...)},
	})
}

// object makes an object with fields in an order.
func (e *Evaluator) object(fields []infoField) *goja.Object {
	o := e.rt.NewObject()
	for _, field := range fields {
		_ = o.Set(field.name, field.value) // an ordinary object takes any property
	}
	return o
}
