# Fibers, and enumerators that are asked from outside: each has a stack of its own, which is unwound into memory.
generator = Fiber.new do |x|
  loop { x = Fiber.yield(x * 2) || break }
  :done
end
puts [1, 2, 3, nil].map { |x| generator.resume(x) }.inspect, generator.alive?

left = %w[a c e g].each
right = %w[b d f h].each
merged = []
loop { merged << [left.next, right.next].join }
puts merged.inspect, (left.next rescue $!.class)

queue = []
workers = 5.times.map do |id|
  Fiber.new do
    4.times do |round|
      queue << [round, id]
      Fiber.yield
    end
  end
end
workers.each(&:resume) while workers.any?(&:alive?) && workers.select!(&:alive?)&.any? || workers.any?(&:alive?)
puts queue.inspect

primes = Enumerator.produce(2) { |n| n += 1; n += 1 until (2..Integer.sqrt(n)).none? { |d| (n % d).zero? }; n }
puts primes.lazy.reject { |p| p % 4 == 1 }.first(12).inspect
chain = (1..50).inject(Fiber.new { loop { Fiber.yield 1 } }) do |inner, n|
  Fiber.new { loop { Fiber.yield(inner.resume + n) } }
end
puts 3.times.map { chain.resume }.inspect
failing = Fiber.new { raise "inside of a fiber" }
begin
  failing.resume
rescue => e
  puts e.message, failing.alive?
end
begin
  Fiber.new { Fiber.new { Fiber.yield 1 }.resume; throw :out }.resume
rescue UncaughtThrowError => e
  puts e.message
end
