# frozen_string_literal: true

require "fcntl"

# The worker's side of docs/executor.md, to drive an executor in tests.
class ExecutorDriver
  RUBY = [RbConfig.ruby, File.join(ROOT, "ruby/lib/ayl/executor.rb")].freeze
  LIMIT = 30

  attr_reader :pid, :socket, :output

  # Starts `command`; what it prints goes to the file `output`.
  def self.start(output, command: RUBY, env: {})
    ours, theirs = UNIXSocket.pair
    # Ruby makes sockets that do not block; a worker hands over one that does.
    theirs.fcntl(Fcntl::F_SETFL, theirs.fcntl(Fcntl::F_GETFL) & ~File::NONBLOCK)
    log = File.open(output, "a")
    pid = Process.spawn({ "AYL_EXECUTOR_FD" => "3" }.merge(env), *command,
                        3 => theirs, in: File::NULL, out: log, err: log, pgroup: true)
    theirs.close
    new(ours, pid, output)
  end

  def initialize(socket, pid, output)
    @socket = socket
    @pid = pid
    @output = output
  end

  def boot(path, file = "app", **more)
    ask({ "type" => "boot", "protocol" => 1, "path" => path, "require" => file, "tube" => "t" }.merge(more.transform_keys(&:to_s)))
  end

  def run(code, **more)
    @id = (@id || 0) + 1
    ask({ "type" => "run", "id" => @id, "tube" => "t", "code" => code }.merge(more.transform_keys(&:to_s)))
  end

  # The answer to `frame`, or nil at the end.
  def ask(frame)
    say(frame)
    answer
  end

  def say(frame)
    json = JSON.generate(frame).b
    @socket.write([json.bytesize].pack("N") << json)
  end

  def answer
    raise "no answer in #{LIMIT} s; it printed:\n#{printed}" unless IO.select([@socket], nil, nil, LIMIT)

    head = @socket.read(4) or return nil
    JSON.parse(@socket.read(head.unpack1("N")))
  rescue Errno::ECONNRESET
    nil
  end

  def printed
    File.read(@output)
  end

  def stop
    say("type" => "stop")
    status
  end

  # How it ended.
  def status
    @status ||= Process.wait2(@pid)[1]
  rescue Errno::ECHILD
    nil
  end

  def alive?
    @status.nil? && Process.wait2(@pid, Process::WNOHANG).tap { |_, status| @status = status }.nil?
  end

  # Leaves nothing behind.
  def finish
    @socket.close unless @socket.closed?
    return if @status

    Process.kill("KILL", @pid)
    status
  rescue Errno::ESRCH
    nil
  end
end
