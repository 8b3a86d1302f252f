# frozen_string_literal: true

module Ayl
  # Keeps jobs in a file while no server can be reached, and puts them in their order when one can be again.
  #
  #     ayl.spool             one job a line, only ever appended to, and emptied when all of it is in the queue
  #     ayl.spool.done        how many bytes of it are
  #
  # Every process that shares the file takes its lock, for an append and for a replay. A job is on the disk before the
  # call returns, and it is marked as put after beanstalkd has said so. So no job is lost; a job is put twice if its answer was
  # lost, or if the process or the machine ends between the answer and the mark.
  class Spool
    # One replay does not keep its caller longer than this, in seconds.
    BUDGET = 1.0

    # Seconds between the attempts of the thread that waits for the server's return.
    PAUSES = [1, 2, 5, 10].freeze

    attr_reader :path

    class << self
      # The spool that the configuration names; nil without `unreachable = :spool`.
      def configured
        return unless Ayl.configuration.unreachable == :spool

        path = Ayl.configuration.spool
        raise ConfigurationError, "unreachable is :spool, and spool names no file" unless path

        @spools ||= {}
        @spools[path] ||= new(path)
      end
    end

    def initialize(path)
      @path = path.to_s
      @done = "#{@path}.done"
    end

    # On the disk when it returns. Raises SpoolError.
    def append(job)
      due = job[:delay].to_i.positive? ? Time.now.to_i + job[:delay] : nil
      line = "#{JSON.generate(job.merge(due: due))}\n".b
      created = !File.exist?(@path)
      locked do |file|
        size = file.size
        forget_mark if size.zero?
        # The end of what a crash has left half written.
        line = "\n".b << line unless size.zero? || last_byte(file, size) == "\n"
        file.seek(0, IO::SEEK_END)
        file.write(line)
        file.fsync
      end
      File.open(File.dirname(@path), &:fsync) if created
    rescue SystemCallError => e
      raise SpoolError, "the job is in no queue, and cannot be spooled: #{e.message}"
    end

    def empty?
      !File.size?(@path)
    end

    # Puts by `engine` what is there, unless another process is at it. Returns how many. Raises Unreachable, or
    # SystemCallError where the spool cannot be read or its mark not be written.
    def replay(engine)
      return 0 if empty?

      count = 0
      locked(File::LOCK_NB) do |file|
        deadline = now + BUDGET
        offset = [File.exist?(@done) ? File.read(@done).to_i : 0, file.size].min
        # First of all: where nothing can be noted down (a full disk) each replay would put the same job again.
        mark(offset)
        file.seek(offset)
        while (line = file.gets)
          count += 1 if put(line, engine)
          mark(file.pos)
          return count if now > deadline
        end
        # In this order: a mark without jobs does no harm, jobs without a mark are put again.
        file.truncate(0)
        file.fsync
        forget_mark
      end
      count
    rescue Uncertain => e
      # It stays where it is, and may be put twice: it is not to be lost.
      raise Unreachable, e.message
    end

    # Waits in a thread of its own for the server's return, so that nothing stays behind in a quiet process.
    def watch(engine)
      return if @watcher&.alive?

      @watcher = Thread.new do
        Thread.current.name = "ayl-spool"
        pauses = PAUSES.dup
        until empty?
          sleep(pauses.size > 1 ? pauses.shift : pauses.first)
          begin
            replay(engine)
          rescue Error, SystemCallError => e
            Logger.instance.debug "the spool waits: #{e.message}"
          end
        end
      end
    end

    private

    def put(line, engine)
      job = parse(line) or return false
      engine.put(job)
      true
    rescue Refused => e
      keep(line, e.message)
      false
    end

    # The job of a line; nil for a damaged one.
    def parse(line)
      job = JSON.parse(line, symbolize_names: true)
      raise TypeError unless job.is_a?(Hash) && job[:tube] && job[:body]

      job[:delay] = [job[:due] - Time.now.to_i, 0].max if job[:due]
      job
    rescue JSON::ParserError, TypeError, EncodingError
      keep(line, "it is damaged") unless line.strip.empty?
      nil
    end

    # What can never be put stands in nobody's way, and is not thrown away.
    def keep(line, reason)
      File.open("#{@path}.refused", File::WRONLY | File::APPEND | File::CREAT, 0o600) do |file|
        file.write("#{line.chomp}\n")
        file.fsync
      end
      Logger.instance.error "a spooled job cannot be put, it is in #{@path}.refused: #{reason}"
    end

    def mark(offset)
      File.open(@done, File::WRONLY | File::CREAT, 0o600) do |file|
        file.write(format("%020d", offset))
        file.fdatasync
      end
    end

    # Gone for good when it returns: it must not be there for what is appended next.
    def forget_mark
      return unless File.exist?(@done)

      File.unlink(@done)
      File.open(File.dirname(@done), &:fsync)
    end

    def locked(how = 0)
      File.open(@path, File::RDWR | File::CREAT, 0o600) do |file|
        file.binmode
        yield file if file.flock(File::LOCK_EX | how)
      end
    end

    def last_byte(file, size)
      file.seek(size - 1)
      file.read(1)
    end

    def now
      Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end
  end
end
