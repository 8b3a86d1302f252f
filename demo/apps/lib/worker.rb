# A worker in a few lines of Ruby: takes jobs from one tube and runs their code.
#
# It is what a daemon with a command of its own looks like; ayl_worker does the
# same job with every care that this one leaves out.
require 'beaneater'
require 'json'

$stdout.sync = true
Signal.trap('TERM') { exit }

tube = ENV.fetch('AYL_TUBE')
queue = Beaneater.new(ENV.fetch('AYL_BEANSTALK'))
queue.tubes.watch!(tube)
puts "waiting for jobs on #{tube}"
loop do
  job = queue.tubes.reserve
  code = JSON.parse(job.body).fetch('code')
  puts "job #{job.id}: #{code}"
  eval(code, TOPLEVEL_BINDING)
  job.delete
end
