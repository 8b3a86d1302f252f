# frozen_string_literal: true

require "test_helper"
require "ayl"

class MessageTest < Minitest::Test
  include Ayl

  def teardown
    MessageOptions.default_priority = 512
    MessageOptions.default_queue_name = nil
    Ayl.configure { |ayl| ayl.signing_keys = nil }
  end

  def census(opts = {}, *args)
    Message.new(Comparable, :census, MessageOptions.new(opts), *args)
  end

  def test_the_body_is_the_old_gems_to_the_byte
    assert_equal '{"type":"ayl","failed_job_handler":"delete","code":"Comparable.census(3, \"hé/\")"}', census({}, 3, "h\u00e9/").to_body
    decay = census(failed_job_handler: "decay", failed_job_count: 5, failed_job_delay: 7)
    assert_equal '{"type":"ayl","failed_job_handler":"decay","code":"Comparable.census()","failed_job_count":5,"failed_job_delay":7}', decay.to_body
  end

  def test_the_defaults_are_the_old_gems
    options = MessageOptions.new
    assert_equal [512, 0, 0, 120, "default", "delete", 60, 3], MessageOptions::OPTIONS.map { |name| options.public_send(name) }
    MessageOptions.default_priority = 7
    MessageOptions.default_queue_name = "mine"
    assert_equal [7, "mine"], [MessageOptions.new.priority, MessageOptions.new.queue_name]
  end

  def test_wrong_options_are_refused_when_the_job_is_submitted
    { 3 => "parameter must be a hash", { nice: 1 } => "unknown options specified: [:nice]",
      { failed_job_handler: "explode" } => "value for :failed_job_handler must be one of: bury, decay, delete",
      { failed_job_handler: :bury } => "value for :failed_job_handler must be one of: bury, decay, delete",
      { priority: -1 } => "value for :priority is -1, expected a number from 0 to 4294967295",
      { time_to_run: 0 } => "value for :time_to_run is 0, expected a number from 1 to 4294967295",
      { delay: "5" } => 'value for :delay is "5", expected a number from 0 to 4294967295',
      { delay: Float::NAN } => "value for :delay is NaN, expected a number from 0 to 4294967295",
      { queue_name: "a b" } => 'value for :queue_name is "a b", which is no tube',
      { queue_name: "-a" } => 'value for :queue_name is "-a", which is no tube' }.each do |options, reason|
      assert_equal reason, assert_raises(RuntimeError) { MessageOptions.new(options) }.message
    end
    assert_equal [2, "a"], [MessageOptions.new(delay: 1.5).delay, MessageOptions.new(queue_name: :a).queue_name]
  end

  def test_a_message_is_read_as_the_old_gem_read_it
    read = Message.from_hash("type" => "ayl", "failed_job_handler" => "decay", "code" => "A.b", "failed_job_count" => 5, "failed_job_delay" => 7)
    assert_equal ["A.b", "decay", 5, 7], [read.code, read.options.failed_job_handler, read.options.failed_job_count, read.options.failed_job_delay]
    assert_equal "delete", Message.from_hash("type" => "ayl", "code" => "A.b").options.failed_job_handler
    [3, {}, { "type" => "mail", "code" => "x" }, { "type" => "ayl" }].each { |hash| assert_raises(UnrecoverableMessageException) { Message.from_hash(hash) } }
  end

  def test_without_an_engine_the_call_is_made_at_once
    assert_equal 7, 3.ayl_send(:+, 4)
    assert_equal [1, 2], [2, 1].ayl_send(:sort)
    assert_equal "a-b", "a".ayl_send_opts(:+, { priority: 3 }, "-b")
    assert_raises(ZeroDivisionError) { 1.ayl_send(:/, 0) }
    assert_equal :a, :a.ayl_send(:itself)
    assert_equal 3, (1..3).ayl_send(:last)
    assert_equal 1, { 1 => 2 }.ayl_send(:size)
    assert_equal 5, Math.ayl_send(:sqrt, 25).to_i
    assert_equal 2, Set[1, 2].ayl_send(:size)
    assert_equal "0x0a", Kernel.ayl_send(:format, "0x%<n>02x", n: 10)
  end

  def test_signatures_are_those_of_the_vectors
    vectors = JSON.parse(File.read(File.join(ROOT, "tests/vectors/signing.json"))).fetch("vectors")
    refute_empty vectors
    vectors.each do |vector|
      hash = { failed_job_handler: vector["failed_job_handler"], failed_job_count: vector["failed_job_count"],
               failed_job_delay: vector["failed_job_delay"], code: vector["code"] }
      parts = %w[kid jti iat exp aud].map { |name| [name.to_sym, vector.fetch(name)] }.to_h
      assert_equal vector["input"], Signature.input(parts, hash).unpack1("H*"), vector["name"]
      assert_equal vector["mac"], Signature.mac([vector["key"]].pack("H*"), parts, hash), vector["name"]
    end
  end

  def test_a_signed_message_has_its_signature_last_and_an_old_reader_reads_it
    keys = write("keys", "# the application's\nold verify #{"1" * 64}\n2026-11   sign  #{"ab" * 32}\n")
    File.chmod(0o600, keys)
    Ayl.configure { |ayl| ayl.signing_keys = keys }
    body = JSON.parse(census({ delay: 60 }).to_body("abaqis-1"))
    assert_equal %w[type failed_job_handler code signature], body.keys
    signature = body["signature"]
    assert_equal ["2026-11", "abaqis-1", 60 + 7 * 86_400], [signature["kid"], signature["aud"], signature["exp"] - signature["iat"]]
    assert_match(/\A\h{32}\z/, signature["jti"])
    parts = signature.transform_keys(&:to_sym)
    assert_equal Signature.mac(["ab" * 32].pack("H*"), parts, { failed_job_handler: "delete", code: body["code"] }), signature["mac"]
    assert_equal "Comparable.census()", Message.from_hash(body).code
  end

  def test_a_key_file_that_others_may_read_or_that_is_wrong_is_refused
    keys = write("keys", "a sign #{"ab" * 32}\n")
    File.chmod(0o644, keys)
    assert_equal "#{keys}: it must belong to root or to its reader, and nobody else may have any right to it (0600)", reason(keys)
    File.chmod(0o600, keys)
    File.write(keys, "a sign abcd\n")
    assert_equal "#{keys}:1: expected NAME, sign or verify, and a key of at least 32 bytes in hexadecimal", reason(keys)
    File.write(keys, "a verify #{"ab" * 32}\n")
    assert_equal "#{keys}: 0 keys are to sign, expected one", reason(keys)
    assert_match(/\Athe signing keys cannot be read: No such file/, reason("/no/such/keys"))
  end

  def reason(keys)
    Ayl.configure { |ayl| ayl.signing_keys = keys }
    assert_raises(ConfigurationError) { census.to_body("t") }.message
  end
end
