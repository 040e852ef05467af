# Arrays, hashes, sets, ranges, structures, enumerators, pattern matching.
require "set"

Point = Struct.new(:x, :y) do
  def +(other) = Point.new(x + other.x, y + other.y)
  def <=>(other) = [x, y] <=> [other.x, other.y]
  include Comparable
end
Size = Data.define(:width, :height)

seed = 42
random = -> { seed = (seed * 1103515245 + 12345) & 0x7fffffff }
numbers = Array.new(2000) { random.call % 1000 }
puts numbers.sort.each_slice(400).map(&:first).inspect
puts numbers.partition(&:even?).map(&:size).inspect, numbers.minmax.inspect, numbers.uniq.size
puts numbers.each_with_index.max_by { |n, i| [n, -i] }.inspect
hash = numbers.each_with_object(Hash.new { |h, k| h[k] = [] }) { |n, h| h[n % 13] << n }
puts hash.to_a.sort.map { |k, v| "#{k}:#{v.size}:#{v.sum}" }.join(" ")
hash.delete_if { |k, _| k.odd? }
puts hash.keys.inspect, hash.min_by { |_, v| v.sum }.first, hash.sum { |k, v| k * v.size }
puts (Set[1, 2, 3] | Set[3, 4] - Set[1]).inspect, [1, [2, [3, [4]]]].flatten(2).inspect
puts [Point.new(1, 2), Point.new(0, 9)].sum(Point.new(0, 0)).inspect, Point.new(1, 2) < Point.new(1, 3)
puts (1..Float::INFINITY).lazy.map { |n| n * n }.select { |n| n % 3 == 1 }.reject(&:even?).first(8).inspect
fibonacci = Enumerator.new { |y| a, b = 0, 1; loop { y << a; a, b = b, a + b } }
puts fibonacci.take(15).inspect, fibonacci.each_slice(3).first(3).inspect
puts [3, 1, 2].permutation.map(&:join).inspect, [1, 2, 3, 4].combination(2).sum { |a, b| a * b }
puts [[1, 2], [3, 4]].transpose.inspect, [1, 2, 3].zip([4, 5, 6], [7, 8, 9]).inspect

def shape(value)
  case value
  in Integer | Float => n if n > 100 then "large #{n}"
  in {kind: "circle", radius:} then "circle of #{radius}"
  in [first, *, last] then "from #{first} to #{last}"
  in Size[width:, height:] then "#{width} by #{height}"
  in nil then "nothing"
  else "something"
  end
end
puts [101, {kind: "circle", radius: 2}, [1, 2, 3], Size.new(4, 5), nil, :x].map { |v| shape(v) }
