# Exceptions: every one of them unwinds the stack and winds it again.
class Refused < StandardError
  def initialize(what) = super("refused: #{what}")
end

def risky(n)
  tries = 0
  begin
    tries += 1
    raise Refused, n if tries < n
    [:done, tries]
  rescue Refused => e
    retry if tries < 5
    raise ArgumentError, "given up after #{e.message}"
  ensure
    print "<#{n}>"
  end
end
(1..7).each do |n|
  puts risky(n).inspect
rescue ArgumentError => e
  puts "#{e.message}, because of #{e.cause.message}"
end

puts catch(:found) { 10.times { |i| 10.times { |j| throw :found, [i, j] if i * j == 42 } } }.inspect
def deep(n) = n.zero? ? raise(KeyError, "at the bottom") : deep(n - 1)
begin
  deep(500)
rescue KeyError => e
  puts e.message, e.backtrace.size, e.backtrace.first
end
def endless(n) = endless(n + 1)
begin
  endless(0)
rescue SystemStackError => e
  puts e.message
end
[-> { 1 / 0 }, -> { nil.size }, -> { Integer("x") }, -> { [].fetch(3) }, -> { {}.fetch(:k) }, -> { "".frozen_method },
 -> { eval("1 +") }, -> { :a <=> 1; raise "plain" }, -> { Float("1e") }, -> { loop { raise StopIteration }; exit(9) }].each do |f|
  f.call
rescue Exception => e
  puts "#{e.class}: #{e.message.lines.first}"
end
total = 0
20_000.times do |i|
  raise IndexError if i % 3 == 0
  total += 1
rescue IndexError
  total += 2
end
puts total
warn "on standard error"
at_exit { puts "never shown" }
deep(3)
