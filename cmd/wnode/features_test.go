package main

import "testing"

func TestFeatureList(t *testing.T) {
	for text, want := range map[string]string{
		"threads":            "",
		" threads":           "",
		"exceptions":         errExceptions.Error(),
		"threads,exceptions": errExceptions.Error(),
		"thread":             `there is no feature "thread" to allow; there is: threads`,
		"":                   `there is no feature "" to allow; there is: threads`,
	} {
		var l featureList
		err := l.Set(text)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want || err == nil && l.String() != featureThreads {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
