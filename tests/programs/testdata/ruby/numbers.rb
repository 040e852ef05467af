# Integers of any size, rational and complex numbers, floating point.
factorial = (1..600).inject(:*)
puts factorial, factorial.to_s(36).size, factorial.digits.sum
puts 3.pow(1_000_003, 10**50), Integer.sqrt(10**101), (2**521 - 1).bit_length, (-7).divmod(3).inspect, -(2**70) >> 3
puts (1..60).sum { |n| Rational(1, n) }, Complex(3, 4)**5, Complex("1+2i").abs2
puts 0.1 + 0.2, 1e23, 5e-324, 1.0 / 3, 2.5.round, 3.5.round(half: :even), 1234567.891.floor(-2), Float::MAX.to_s, -0.0, 0.0 / 0
puts Math.sqrt(2), Math.sin(1e6), Math.gamma(10), Math.atan2(1, -1), Math.cbrt(27), 10.0**-7, 100.0.to_s, 1e16.to_i
puts 255.to_s(2), "ff".hex, "0b101".to_i(0), 97.chr, 3.7 % 1, -3.7.truncate, 6.lcm(4), 6.gcd(4), 1.0.next_float

def pi(digits)
  q, r, t, k, n, l, out = 1, 0, 1, 1, 3, 3, +""
  until out.size == digits
    if 4 * q + r - t < n * t
      out << n.to_s
      q, r, n = 10 * q, 10 * (r - n * t), 10 * (3 * q + r) / t - 10 * n
    else
      q, r, t, k, n, l = q * k, (2 * q + r) * l, t * l, k + 1, (q * (7 * k + 2) + r * l) / (t * l), l + 2
    end
  end
  out
end
puts pi(400)
