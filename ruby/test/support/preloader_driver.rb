# frozen_string_literal: true

require "support/executor_driver"

# A running preloader, and workers' connections to it.
class PreloaderDriver
  COMMAND = [RbConfig.ruby, File.join(ROOT, "ruby/lib/ayl/preloader.rb")].freeze

  # A worker's connection: `executor` speaks to what was forked, `events` are the preloader's frames.
  Worker = Struct.new(:connection, :executor, :forked, :lifeline) do
    # What its death would close.
    def die
      [executor.socket, lifeline].each(&:close)
    end

    def event
      ExecutorDriver.new(connection, nil, nil).answer
    end

    def watched
      ExecutorDriver.new(connection, nil, nil).say("type" => "watched")
    end
  end

  attr_reader :pid, :path, :output

  def initialize(folder, app: folder, flags: %w[-c app], env: {})
    @folder = folder
    @app = app
    @path = File.join(folder, "preloader.sock")
    @output = File.join(folder, "preloader.log")
    @require = flags[flags.index("-c") + 1]
    log = File.open(@output, "a")
    @pid = Process.spawn({ "AYL_PRELOADER" => @path }.merge(env), *COMMAND, "-a", app, *flags,
                         in: File::NULL, out: log, err: log, pgroup: true)
    log.close
  end

  def ready?
    File.socket?(@path)
  end

  def printed
    File.read(@output)
  end

  # Asks for an executor as a worker does; its output goes to the file `log`.
  def fork(log, **more)
    ours, theirs = UNIXSocket.pair
    output = File.open(log, "a")
    theirs_too, lifeline = IO.pipe
    connection = UNIXSocket.new(@path)
    request = { "type" => "fork", "protocol" => 1, "path" => @app, "require" => @require, "environment" => nil, "env" => {} }
    json = JSON.generate(request.merge(more.transform_keys(&:to_s)))
    connection.sendmsg([json.bytesize].pack("N") + json, 0, nil, Socket::AncillaryData.unix_rights(theirs, output, output, theirs_too))
    [theirs, output, theirs_too].each(&:close)
    executor = ExecutorDriver.new(ours, nil, log)
    forked = ExecutorDriver.new(connection, nil, nil).answer
    Worker.new(connection, executor, forked, lifeline)
  end

  def finish
    Process.kill("KILL", @pid)
    Process.wait(@pid)
  rescue Errno::ESRCH, Errno::ECHILD
    nil
  end
end
