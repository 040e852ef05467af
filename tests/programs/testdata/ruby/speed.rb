# What takes time: how long it took is in the last line, in milliseconds, for whoever compares.
started = Process.clock_gettime(Process::CLOCK_MONOTONIC)

def queens(n, row = 0, columns = 0, left = 0, right = 0)
  return 1 if row == n
  (0...n).sum do |c|
    bit = 1 << c
    next 0 if (columns & bit) != 0 || (left >> (n - 1 + row - c)) & 1 == 1 || (right >> (row + c)) & 1 == 1
    queens(n, row + 1, columns | bit, left | 1 << (n - 1 + row - c), right | 1 << (row + c))
  end
end

def mandelbrot(size)
  (0...size).sum do |y|
    (0...size).count do |x|
      cr, ci, zr, zi, n = 3.0 * x / size - 2, 2.0 * y / size - 1, 0.0, 0.0, 0
      zr, zi, n = zr * zr - zi * zi + cr, 2 * zr * zi + ci, n + 1 while n < 60 && zr * zr + zi * zi < 4
      n == 60
    end
  end
end

puts queens(7), mandelbrot(90)
sieve = Array.new(200_000, true)
(2..447).each { |i| (i * i).step(199_999, i) { |j| sieve[j] = false } if sieve[i] }
puts sieve.count(true)
counts = Hash.new(0)
80_000.times { |i| counts[(i * 7919 % 1009).to_s] += 1 }
puts counts.size, counts.values.max
text = "the quick brown fox " * 2000
puts text.scan(/\b\w*o\w*\b/).size, text.gsub(/(\w+) (\w+)/, '\2 \1').size
puts (1..250).inject(:*).to_s.size, 30_000.times.map { |i| (i * 7919) % 30_011 }.sort_by { |n| -n }.first
$stderr.puts ((Process.clock_gettime(Process::CLOCK_MONOTONIC) - started) * 1000).round if ARGV[0] == "time"
