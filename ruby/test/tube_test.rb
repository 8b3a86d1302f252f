# frozen_string_literal: true

require "test_helper"
require "ayl"

class TubeTest < Minitest::Test
  def with(environment = {})
    ENV.update(environment)
    configuration = Ayl::Configuration.new
    configuration.path = folder
    yield configuration if block_given?
    configuration.tube
  ensure
    environment.each_key { |name| ENV.delete(name) }
  end

  def reason(&block)
    assert_raises(Ayl::ConfigurationError) { with(&block) }.message
  end

  def test_an_application_without_a_name_has_the_tube_it_always_had
    assert_equal "default", with
  end

  def test_the_environment_wins
    write("VERSION", "1.0\n")
    assert_equal "mine", with("AYL_TUBE" => "mine", "AYL_APP" => "abaqis") { |c| c.application = "rqi" }
    assert_equal "abaqis-1.0", with("AYL_APP" => "abaqis") { |c| c.application = "rqi" }
    assert_equal "abaqis-2.0", with("AYL_APP" => "abaqis", "AYL_VERSION" => "2.0")
    assert_equal "default", with("AYL_TUBE" => "")
  end

  def test_the_version_is_read_as_the_supervisor_reads_it
    write("REVISION", "  abc+1_2.3-4\n")
    assert_equal "abaqis-abc+1_2.3-4", with { |c| c.application = "abaqis" }
    write("VERSION", "1.10\n")
    assert_equal "abaqis-1.10", with { |c| c.application = "abaqis" }
  end

  def test_it_is_read_once
    write("VERSION", "1\n")
    configuration = Ayl::Configuration.new
    configuration.path = folder
    configuration.application = "abaqis"
    assert_equal "abaqis-1", configuration.tube
    write("VERSION", "2\n")
    assert_equal "abaqis-1", configuration.tube
  end

  def test_no_version_is_an_error_and_not_another_tube
    assert_equal "no version: neither VERSION nor REVISION in #{folder}", reason { |c| c.application = "abaqis" }
    write("VERSION", "a b\n")
    assert_equal "#{folder}/VERSION: \"a b\" is no version", reason { |c| c.application = "abaqis" }
    assert_equal '"a/b" is no name of an application', reason { |c| c.application = "a/b" }
  end

  def test_policies_are_checked_when_they_are_set
    error = assert_raises(Ayl::ConfigurationError) { Ayl::Configuration.new.unreachable = :ignore }
    assert_equal "unreachable is :ignore, expected one of: synchronous, raise, spool", error.message
  end
end
