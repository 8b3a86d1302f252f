# frozen_string_literal: true

require "test_helper"
require "ayl"
require "bigdecimal"

class RreprTest < Minitest::Test
  Point = Struct.new(:x, :y)
  Named = Struct.new(:x, :y, keyword_init: true)

  def code(value)
    Ayl::Rrepr.of(value)
  end

  # What a worker would have of it.
  def again(value)
    TOPLEVEL_BINDING.dup.eval(code(value))
  end

  def assert_again(value)
    result = again(value)
    assert_equal value.class, result.class, code(value)
    value.is_a?(Float) && value.nan? ? assert(result.nan?) : assert_equal(value, result, code(value))
    result
  end

  def test_the_code_is_what_the_old_gem_wrote
    { 3 => "3", -3 => "-3", 1.5 => "1.5", nil => "nil", true => "true", false => "false", :a => ":a", :"a b" => ':"a b"',
      "it's \"q\"\n" => '"it\'s \"q\"\n"', [1, [2]] => "[1, [2]]", { 1 => :a, "b" => nil } => '{1=>:a, "b"=>nil}',
      (1..3) => "(1..3)", ("a"..."c") => '("a"..."c")', Comparable => "Comparable", File::Stat => "File::Stat",
      Time.utc(2026, 11, 24, 6, 7, 8) => "Time.parse('2026-11-24 06:07:08 UTC')",
      Time.new(2026, 11, 24, 6, 7, 8, "-07:00") => "Time.parse('2026-11-24 06:07:08 -0700')",
      Date.new(2026, 11, 24) => "Date.parse('2026-11-24')" }.each { |value, expected| assert_equal expected, code(value) }
  end

  def test_what_the_old_gem_got_wrong
    { Rational(1, 2) => "Rational(1, 2)", Complex(1, -2) => "Complex(1, -2)", Float::INFINITY => "Float::INFINITY",
      -Float::INFINITY => "(-Float::INFINITY)", (1..nil) => "(1..nil)", BigDecimal("1.50") => 'BigDecimal("0.15e1")',
      Set[1, 2] => "Set[1, 2]", Point.new(1, [2]) => "RreprTest::Point.new(1, [2])", Named.new(x: 1, y: 2) => "RreprTest::Named.new(:x=>1, :y=>2)",
      DateTime.new(2026, 11, 24, 6, 7, Rational(17, 2), "+05:30") => "DateTime.parse('2026-11-24T06:07:08.5+05:30')" }.each do |value, expected|
      assert_equal expected, code(value)
      assert_again value
    end
    assert_equal "Float::NAN", code(Float::NAN)
  end

  def test_receivers_keep_their_sign_and_their_borders
    assert_equal Float::INFINITY, TOPLEVEL_BINDING.eval("#{code(-Float::INFINITY)}.abs")
    assert_equal 3, TOPLEVEL_BINDING.eval("#{code(-3)}.abs")
    assert_equal 1, TOPLEVEL_BINDING.eval("#{code({ 1 => 2 })}.size")
  end

  def test_strings_of_every_byte_and_encoding_come_back
    all = (0..255).map(&:chr).join
    [all.b, all.dup.force_encoding("UTF-8"), all.dup.force_encoding("ISO-8859-1"), "abc".b, "abc".dup.force_encoding("US-ASCII"),
     "h\u00e9\u{1F600}\u2028\u0000", "\#{x} \#$x \#@x #", "a\\\"'`", "\u00e9".encode("UTF-16LE"), "\u3042".encode("Shift_JIS"), "\xff\xfe".dup.force_encoding("UTF-16LE"),
     "abc".encode("UTF-16"), "", "frozen"].each do |value|
      result = assert_again(value)
      assert_equal value.bytes, result.bytes
      assert_equal value.encoding, result.encoding unless value.encoding == Encoding::US_ASCII
    end
    assert_equal "\"h\u00e9\"", code("h\u00e9")
  end

  def test_strings_come_back_in_a_process_with_another_encoding
    script = <<~'RUBY'
      values = ["\u00e9\xff", "\u3042".b, :"\u00e9", "\u00e9".encode("ISO-8859-1")]
      text = Ayl::Rrepr.of(values)
      again = eval(text.dup.force_encoding("UTF-8"))
      raise text unless again == values && again.map(&:encoding) == values.map(&:encoding)
    RUBY
    %w[US-ASCII ISO-8859-1 UTF-8].each do |encoding|
      assert system(RbConfig.ruby, "-E", encoding, "-I", File.join(ROOT, "ruby/lib"), "-r", "ayl", "-e", script), encoding
    end
  end

  def test_symbols_of_all_kinds_come_back
    [:a, :a?, :[]=, :+, :"", :"9", :"a-b", :"\u00e9", :"\n", "\xE9".dup.force_encoding("ISO-8859-1").to_sym, "\xff".b.to_sym].each { |value| assert_again value }
  end

  def test_times_keep_instant_fraction_and_zone
    [Time.at(0, 123_456_789, :nsec).utc, Time.at(1_700_000_000, Rational(1, 3)), Time.new(2026, 1, 2, 3, 4, Rational(11, 3), "+05:30"),
     Time.new(900, 1, 1, 0, 0, 0, "+00:00"), Time.utc(12_026, 1, 1), Time.at(0, in: "+01:02:03"), Time.utc(1970), Time.at(-1.5)].each do |value|
      result = assert_again(value)
      assert_equal [value.subsec, value.utc_offset], [result.subsec, result.utc_offset], code(value)
      assert_equal value.utc?, result.utc?, code(value) if value.utc?
    end
  end

  def test_dates_and_their_times_keep_calendar_fraction_and_offset
    [Date.new(2026, 2, 28), Date.new(-4712, 1, 1), Date.new(1500, 1, 1), Date.new(1700, 2, 11, Date::ENGLAND), DateTime.new(2026, 1, 2, 3, 4, 5),
     DateTime.new(2026, 1, 2, 3, 4, Rational(16, 3), "-03:00"), DateTime.new(1500, 1, 2, 3, 4, 5, "+01:00"), DateTime.new(2026, 1, 2, 3, 4, 5, Rational(3661, 86_400))].each do |value|
      result = assert_again(value)
      assert_equal value.start, result.start
      assert_equal [value.offset, value.sec_fraction], [result.offset, result.sec_fraction] if value.is_a?(DateTime)
    end
  end

  # Values of every kind, nested, from a seed that a failure prints.
  def test_whatever_is_made_at_random_comes_back
    seed = Random.new_seed
    random = Random.new(seed)
    500.times do
      value = anything(random, 3)
      assert value == again(value), "seed #{seed}: #{code(value)}"
    end
  end

  def anything(random, depth)
    simple = [-> { random.rand(-10**20..10**20) }, -> { random.rand * 10**random.rand(-300..300) }, -> { random.bytes(random.rand(20)) },
              -> { random.bytes(random.rand(20)).force_encoding("UTF-8") }, -> { Array.new(random.rand(9)) { random.rand(0xd7ff) }.pack("U*") },
              -> { Array.new(random.rand(9)) { random.rand(0xd7ff) }.pack("U*").to_sym }, -> { Rational(random.rand(-9..9), random.rand(1..9)) },
              -> { Complex(random.rand(9), random.rand) }, -> { Time.at(random.rand(10**11), random.rand(10**9), :nsec) }, -> { Date.new(1, 1, 1) + random.rand(10**6) },
              -> { DateTime.new(1, 1, 1) + Rational(random.rand(10**12), 86_400_000) }, -> { BigDecimal(random.rand.to_s) }, -> { [nil, true, false].sample(random: random) },
              -> { (random.rand(9)..random.rand(9)) }]
    nested = [-> { Array.new(random.rand(4)) { anything(random, depth - 1) } }, -> { Array.new(random.rand(4)) { [anything(random, depth - 1), anything(random, depth - 1)] }.to_h },
              -> { Point.new(anything(random, depth - 1), anything(random, depth - 1)) }, -> { Set.new(Array.new(random.rand(4)) { anything(random, depth - 1) }) }]
    (depth.zero? ? simple : simple + nested).sample(random: random).call
  end

  def test_what_cannot_be_had_again_is_refused
    loop_array = [1]
    loop_array << loop_array
    loop_hash = {}
    loop_hash[:me] = [loop_hash]
    loop_struct = Point.new
    loop_struct.x = loop_struct
    { loop_array => "a Array that contains itself cannot be sent", loop_hash => "a Hash that contains itself cannot be sent",
      loop_struct => "a RreprTest::Point that contains itself cannot be sent", proc {} => "a Proc cannot be sent: it has no to_rrepr",
      [Object.new] => "a Object cannot be sent: it has no to_rrepr" }.each do |value, message|
      assert_equal message, assert_raises(Ayl::NotRepresentable) { code(value) }.message
    end
    [Class.new, Struct.new(:a).new(1)].each { |value| assert_raises(Ayl::NotRepresentable) { code(value) } }
    assert_equal "[[1], [1]]", code([[1]] * 2)
  end

  def test_keywords_stay_keywords
    assert_equal "1.m(2, :a=>3)", call_of(1, :m, 2, a: 3).to_rrepr
    assert_equal "1.m({:a=>3})", call_of(1, :m, { a: 3 }).to_rrepr
    assert_equal "1.m(2)", call_of(1, :m, 2, **{}).to_rrepr
    assert_equal "1.m()", call_of(1, :m).to_rrepr
  end

  def call_of(object, selector, *args)
    Ayl::Message.new(object, selector, nil, *args)
  end
  ruby2_keywords :call_of

  def test_only_names_of_methods_are_selectors
    (%w[a a? a! a= [] []= + - ** <=> == === =~ ! != -@ << ~ % ` _x A] + ["\u00e9"]).each { |name| assert_equal "1.#{name}()", call_of(1, name).to_rrepr }
    ["", "a b", "a;b", "a(1)", "9a", "a??", "&&", "a\nb", "a.b", "a=b", "'"].each do |name|
      assert_equal "#{name.inspect} is no name of a method", assert_raises(Ayl::NotRepresentable) { call_of(1, name).to_rrepr }.message
    end
  end
end
