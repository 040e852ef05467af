# The standard library, which is packed into the module.
require "json"
require "digest"
require "erb"
require "optparse"
require "set"
require "stringio"
require "strscan"
require "time"
require "tsort"
require "zlib"

value = {"name" => "Zoë", "list" => [1, 2.5, nil, true, {"deep" => [[[]]]}], "big" => 10**30}
text = JSON.pretty_generate(value)
puts text, JSON.parse(text) == value, JSON.parse('{"a":1}', symbolize_names: true).inspect
begin
  JSON.parse('{"a":')
rescue JSON::ParserError => e
  puts e.class
end
puts Digest::SHA256.hexdigest("wnode" * 1000), Digest::MD5.base64digest(""), Digest::SHA512.hexdigest("x")[0, 32]
puts ERB.new("<% 3.times do |i| %>[<%= i %>]<% end %>\n<%= name.upcase -%>\n", trim_mode: "-").result_with_hash(name: "erb")
packed = Zlib::Deflate.deflate("abc" * 10_000)
puts packed.size, Zlib::Inflate.inflate(packed).size, Zlib.crc32("wnode")
puts Time.parse("2026-11-23T12:34:56Z").iso8601, (Time.at(0).utc + 86_400 * 365).strftime("%A %d %B %Y"), Time.at(1e9).utc.yday
scanner = StringScanner.new("3 + 4 * (2 - 1)")
tokens = []
tokens << (scanner.scan(/\d+|[-+*()]/) || scanner.getch) until scanner.eos?
puts tokens.reject { |t| t == " " }.inspect
options = {}
OptionParser.new { |o| o.on("-v", "--verbose") { options[:verbose] = true }; o.on("--count=N", Integer) { |n| options[:count] = n } }.parse(%w[-v --count=3 rest])
puts options.inspect

class Graph < Hash
  include TSort
  alias tsort_each_node each_key
  def tsort_each_child(node, &) = fetch(node, []).each(&)
end
puts Graph.new.merge({1 => [2, 3], 2 => [4], 3 => [4], 4 => []}).tsort.inspect
out = StringIO.new
$stdout = out
puts "captured"
$stdout = STDOUT
puts out.string.inspect, Marshal.load(Marshal.dump(value)) == value
