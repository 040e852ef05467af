// Program gominimal is the smallest guest in Go that can be initialised once for all of its processes.
package main

import _ "github.com/wnode/wnode/guest-sdk/go" // which exports where processes start

func main() {}
