# Folders and files, standard input, arguments and environment.
here = ARGV.fetch(0)
Dir.chdir(here)
puts ARGV.inspect, ENV["GREETING"].inspect, ENV["HOME"].inspect, ENV.key?("PATH")
while (line = $stdin.gets)
  puts "#{$stdin.lineno}: #{line.chomp.reverse}"
end
Dir.mkdir("made")
File.write("made/one.txt", "one\ntwo\nthree\n")
File.open("made/one.txt", "a") { |f| f.puts "four" }
puts File.readlines("made/one.txt", chomp: true).inspect, File.size("made/one.txt")
File.open("made/one.txt", "r+") do |f|
  f.seek(4)
  f.write("TWO")
  f.rewind
  puts f.read(7).inspect, f.pos, f.gets.inspect, f.eof?
  f.truncate(10)
end
File.rename("made/one.txt", "made/two.txt")
puts Dir.children("made").sort.inspect, Dir.glob("**/*").sort.inspect, File.file?("made"), File.directory?("made")
data = (0..255).map(&:chr).join.b * 400
File.binwrite("made/data", data)
puts File.binread("made/data") == data, File.stat("made/data").size
["missing", "made", "/etc/passwd", "../../outside"].each do |path|
  puts File.read(path).size
rescue SystemCallError => e
  puts "#{e.class} #{path}"
end
Dir.rmdir("made") rescue puts $!.class
File.delete("made/data")
puts Dir.exist?("made"), File.exist?("made/data")
$stderr.puts "done"
exit 7
