# frozen_string_literal: true

require "fileutils"
require "json"
# Rails brings plugins of its own for minitest.
ENV["MT_NO_PLUGINS"] ||= "1"
require "minitest/autorun"
require "socket"
require "tmpdir"

# The root of the repository.
ROOT = File.expand_path("../..", __dir__)

# The environment of whoever runs the tests is none of their business.
ENV.delete_if { |name, _| name.start_with?("AYL_", "RAILS_", "RACK_ENV", "NOTIFY_SOCKET") }

module TestHelper
  # Longer than anything takes on a busy machine.
  PATIENCE = 30

  # The value of the block, as soon as it is true.
  def wait_until(what = "the condition", limit: PATIENCE)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + limit
    loop do
      value = yield
      return value if value

      flunk "waited #{limit} s for #{what}" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
      sleep 0.005
    end
  end

  # A folder that is gone after the test.
  def folder
    @folder ||= File.realpath(Dir.mktmpdir("ayl-test"))
  end

  def write(name, text)
    path = File.join(folder, name)
    FileUtils.mkdir_p(File.dirname(path))
    File.write(path, text)
    path
  end

  # Removes the folder after the test.
  def after_teardown
    super
    FileUtils.rm_rf(@folder) if @folder
  end
end

Minitest::Test.include(TestHelper)
