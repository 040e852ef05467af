// Package archtest holds the architecture of this repository to its rules: who may import whom and
// why, how long a file may be, that every package says what it is, and that the paths which the
// documents name are there. It has tests only.
package archtest
