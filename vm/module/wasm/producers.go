package wasm

// ProducersSection is the name of the custom section that says what a module was made with.
const ProducersSection = "producers"

// maxProducers bounds the entries of a producers section that are read.
const maxProducers = 1000

// Producer is a language or a tool that a module was made with.
type Producer struct {
	Field   string `json:"field"` // language, processed-by or sdk
	Name    string `json:"name"`
	Version string `json:"version"` // "" when it is not told
}

// ReadProducers reads the content of a producers section as far as it has a form (WebAssembly tool conventions,
// ProducersSection.md), in its order.
func ReadProducers(content []byte) (all []Producer) {
	r := &reader{b: content}
	for range r.count("fields", maxProducers) {
		field := r.name()
		for range r.count("producers", maxProducers) {
			p := Producer{Field: field, Name: r.name(), Version: r.name()}
			if r.err != nil || len(all) == maxProducers {
				return all
			}
			all = append(all, p)
		}
	}
	return all
}
