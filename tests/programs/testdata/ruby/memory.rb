# Much is made and thrown away, so that the collector runs again and again, with finalizers and weak references.
Node = Struct.new(:left, :right)
def tree(depth) = depth.zero? ? Node.new : Node.new(tree(depth - 1), tree(depth - 1))
def count(node) = node.left ? count(node.left) + count(node.right) : 1

keep = tree(12)
puts (1..40).sum { count(tree(9)) }
strings = {}
60_000.times { |i| strings[i % 5000] = "string number #{i} " * (i % 20) }
puts strings.values.sum(&:size), strings.size
arrays = Array.new(300) { |i| Array.new(i) { |j| [i, j.to_s, {j => :x}] } }
puts arrays.flatten(1).size, arrays.last.last.inspect
before = GC.count
GC.start
puts GC.count > before, count(keep)
big = "x" * 20_000_000
big << "y" * 5_000_000
puts big.size, big.index("y"), big.hash == big.dup.hash
big = nil
200.times { |i| ("a".."zz").map { |s| s * i } }
puts GC.stress, ObjectSpace.each_object(Class).include?(Node)
symbols = 3000.times.map { |i| :"symbol_#{i}" }
puts symbols.uniq.size, symbols.last
