# frozen_string_literal: true

require "beaneater"

# A beanstalkd of the test's own on a free port, read by the reference client beaneater.
class Beanstalkd
  attr_reader :port, :pid

  def self.free_port
    TCPServer.open("127.0.0.1", 0) { |server| server.addr[1] }
  end

  def initialize(*flags, listen: nil, port: self.class.free_port)
    @flags = flags
    @listen = listen
    @port = port
    start
  end

  def start
    place = @listen ? ["-l", "unix:#{@listen}"] : ["-l", "127.0.0.1", "-p", @port.to_s]
    @pid = Process.spawn("beanstalkd", *place, *@flags, out: File::NULL, err: File::NULL)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + 30
    begin
      (@listen ? UNIXSocket.new(@listen) : TCPSocket.new("127.0.0.1", @port)).close
    rescue SystemCallError
      raise "beanstalkd does not come up" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline

      sleep 0.005
      retry
    end
  end

  def address
    @listen ? "unix:#{@listen}" : "127.0.0.1:#{@port}"
  end

  def signal(name)
    Process.kill(name, @pid)
  end

  def stop
    return unless @pid

    @pool&.close
    @pool = nil
    Process.kill("KILL", @pid)
    Process.wait(@pid)
    @pid = nil
  end

  def pool
    @pool ||= Beaneater.new("127.0.0.1:#{@port}")
  end

  # The bodies of what is ready in `tube`, in their order; they are gone then.
  def bodies(tube)
    pool.tubes.watch!(tube)
    found = []
    while (job = reserve)
      found << job.body
      job.delete
    end
    found
  end

  def codes(tube)
    bodies(tube).map { |body| JSON.parse(body)["code"] }
  end

  def peek(tube, state = :ready)
    pool.tubes[tube].peek(state)
  end

  private

  def reserve
    pool.tubes.reserve(0)
  rescue Beaneater::TimedOutError
    nil
  end
end
