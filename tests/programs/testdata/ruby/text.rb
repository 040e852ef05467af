# Strings, symbols and regular expressions.
text = <<~TEXT
  The quick brown fox jumps over the lazy dog; the dog, being lazy, does not mind.
  Größe, naïveté and 日本語 are words too — and "quoted" ones, 3.14 of them.
TEXT

words = text.scan(/[[:alpha:]]+/)
counts = words.map(&:downcase).tally.sort_by { |word, n| [-n, word] }
counts.each { |word, n| printf("%-8s %d\n", word, n) }
puts words.group_by(&:size).transform_values(&:size).sort.inspect
puts text.gsub(/(?<first>\w)(?<rest>\w*)/) { "#{$~[:rest]}#{$~[:first]}ay" }
puts text.tr("a-y", "b-z").squeeze.center(100, "*").inspect
puts text.unpack("C*").sum, text.bytes.each_slice(7).map(&:sum).inspect
puts text.encode("UTF-16LE").bytesize, text.unicode_normalize(:nfd).size, text.scrub.valid_encoding?
puts "日本語".reverse, "日本語".bytes.map { |b| b.to_s(16) }.join(" "), "straße".upcase
puts "2026-11-23 and 1999-01-02".scan(/(\d+)-(\d+)-(\d+)/).map { |d| d.map(&:to_i) }.inspect
puts "aaa".gsub(/a{1,2}?/, "<\\0>"), "foobar" =~ /(?<=foo)bar/, "x" * 3 + "%05.2f|%+d|%x|%e" % [3.14159, 5, 255, 12345.678]
puts (1..20).map { |i| i % 15 == 0 ? "FizzBuzz" : i % 5 == 0 ? "Buzz" : i % 3 == 0 ? "Fizz" : i }.join(" ")
puts "a,b;c d".split(/[,; ]/).each_cons(2).to_a.inspect, :symbol.to_proc.call("x") rescue puts $!.class
puts "The end".sub(/(\w+) (\w+)/, '\2 \1').swapcase.succ.crypt("ab") rescue puts $!.message
