# frozen_string_literal: true

require "date"
require "set"
require "time"

module Ayl
  # Ruby code that gives a value again: `eval(Ayl::Rrepr.of(value)) == value`.
  #
  # Each class has it as `to_rrepr`, so that applications can add their own. The code needs nothing but Ruby, `time`
  # and `set` where it is evaluated, and what the value itself is made of (`bigdecimal`, models, ActiveSupport).
  module Rrepr
    # Time.parse and its like read years of four digits, and mean the calendar in use since 1582.
    YEARS = (1600..9999).freeze

    # Digits of a fraction of a second that are written out.
    DIGITS = 30

    module_function

    # Raises NotRepresentable for what cannot be had again: an anonymous class, a Proc, an unsaved model, …
    def of(value)
      # These pass on what they do not know to another class, which would answer for itself.
      case value.class.name
      when "ActiveSupport::TimeWithZone" then return "#{of(value.utc)}.in_time_zone(#{of(value.time_zone.name)})"
      when "ActiveSupport::Duration" then return duration(value)
      end
      return value.to_rrepr if value.respond_to?(:to_rrepr)

      raise NotRepresentable, "a #{value.class} cannot be sent: it has no to_rrepr"
    end

    # The list between a call's parentheses. Keywords, as ruby2_keywords marks them, stay keywords.
    def arguments(arguments)
      *positional, last = arguments
      return list(arguments) unless last.is_a?(Hash) && Hash.ruby2_keywords_hash?(last)

      (positional.map { |value| of(value) } + [pairs(last)]).reject(&:empty?).join(", ")
    end

    def list(values)
      values.map { |value| of(value) }.join(", ")
    end

    def pairs(hash)
      hash.map { |key, value| "#{of(key)}=>#{of(value)}" }.join(", ")
    end

    # Guards against what contains itself.
    def nested(value)
      open = (Thread.current[:ayl_rrepr] ||= [])
      raise NotRepresentable, "a #{value.class} that contains itself cannot be sent" if open.include?(value.__id__)

      open.push(value.__id__)
      begin
        yield
      ensure
        open.pop
      end
    end

    def module_name(type)
      name = type.name
      return name if name && Object.const_defined?(name) && Object.const_get(name).equal?(type)

      raise NotRepresentable, "#{type.inspect} cannot be sent: it has no name under which it can be found"
    rescue NameError
      raise NotRepresentable, "#{type.inspect} cannot be sent: it has no name under which it can be found"
    end

    def string(value)
      case value.encoding
      when Encoding::UTF_8, Encoding::US_ASCII then text(value)
      when Encoding::BINARY then "#{text(value)}.b"
      else "#{text(value.b)}.dup.force_encoding(#{value.encoding.name.inspect})"
      end
    end

    # A literal in UTF-8. `inspect` writes the process's external encoding, which may be another.
    def text(value)
      literal = value.dup.force_encoding(value.encoding == Encoding::BINARY ? Encoding::BINARY : Encoding::UTF_8).inspect
      literal.encoding == Encoding::UTF_8 || literal.ascii_only? ? literal : value.b.inspect
    end

    def symbol(value)
      literal = value.inspect
      utf8 = [Encoding::UTF_8, Encoding::US_ASCII].include?(value.encoding)
      return literal if utf8 && (literal.encoding == Encoding::UTF_8 || literal.ascii_only?)

      "#{string(value.to_s)}.to_sym"
    end

    def float(value)
      return "Float::NAN" if value.nan?
      return value.positive? ? "Float::INFINITY" : "(-Float::INFINITY)" if value.infinite?

      value.inspect
    end

    def struct(value)
      type = module_name(value.class)
      # Before Ruby 3.1 nobody can be asked; `inspect` of such a class says it.
      keywords = value.class.respond_to?(:keyword_init?) ? value.class.keyword_init? : value.class.inspect.end_with?("(keyword_init: true)")
      nested(value) { "#{type}.new(#{keywords ? pairs(value.to_h) : list(value.to_a)})" }
    end

    def time(value)
      offset = value.utc_offset
      fraction = decimal(value.subsec)
      if fraction.nil? || !YEARS.cover?(value.year) || offset % 60 != 0
        zone = value.utc? ? '"UTC"' : clock(offset).inspect
        return "Time.at(#{of(value.to_i)}, #{of(value.subsec * 1_000_000)}, in: #{zone})" unless value.utc?

        return "Time.at(#{of(value.to_i)}, #{of(value.subsec * 1_000_000)}).utc"
      end
      "Time.parse('#{value.strftime("%Y-%m-%d %H:%M:%S")}#{fraction} #{value.utc? ? "UTC" : value.strftime("%z")}')"
    end

    def date(value)
      return "Date.parse('#{value.strftime("%Y-%m-%d")}')" if usual?(value)

      "Date.jd(#{value.jd}, #{of(value.start)})"
    end

    def date_time(value)
      fraction = decimal(value.sec_fraction)
      minutes = value.offset * 24 * 60
      return "DateTime.parse('#{value.strftime("%Y-%m-%dT%H:%M:%S")}#{fraction}#{value.strftime("%:z")}')" if fraction && usual?(value) && minutes.denominator == 1

      seconds = value.sec + value.sec_fraction
      "DateTime.jd(#{value.jd}, #{value.hour}, #{value.min}, #{of(seconds)}, #{of(value.offset)}, #{of(value.start)})"
    end

    def usual?(date)
      YEARS.cover?(date.year) && date.start == Date::ITALY
    end

    # ".123", "" for none; nil for what has no end as a decimal.
    def decimal(fraction)
      return "" if fraction.zero?

      digits = (1..DIGITS).find { |count| (fraction * 10**count).denominator == 1 } or return nil
      format(".%0#{digits}d", fraction * 10**digits)
    end

    def clock(seconds)
      minutes, rest = seconds.abs.divmod(60)
      format("%s%02d:%02d:%02d", seconds.negative? ? "-" : "+", *minutes.divmod(60), rest)
    end

    def duration(value)
      parts = value.parts.to_h
      return "ActiveSupport::Duration.parse(#{value.iso8601.inspect})" if parts.values.all? { |part| part.is_a?(Integer) }

      of(value.value)
    end
  end
end

class Symbol
  def to_rrepr
    Ayl::Rrepr.symbol(self)
  end
end

class Module
  def to_rrepr
    Ayl::Rrepr.module_name(self)
  end
end

class NilClass
  def to_rrepr
    "nil"
  end
end

class FalseClass
  def to_rrepr
    "false"
  end
end

class TrueClass
  def to_rrepr
    "true"
  end
end

class Numeric
  # For numbers of an application's own; Ruby's own are below.
  def to_rrepr
    inspect
  end
end

class Float
  def to_rrepr
    Ayl::Rrepr.float(self)
  end
end

class Rational
  def to_rrepr
    "Rational(#{numerator}, #{denominator})"
  end
end

class Complex
  def to_rrepr
    "Complex(#{Ayl::Rrepr.list(rectangular)})"
  end
end

# Whoever has a BigDecimal has loaded it; whoever has none need not.
class Numeric
  # The method for BigDecimal, which may be loaded later than this.
  module BigDecimalRrepr
    def to_rrepr
      self.class.name == "BigDecimal" ? "BigDecimal(#{to_s.inspect})" : super
    end
  end
  prepend BigDecimalRrepr
end

class String
  def to_rrepr
    Ayl::Rrepr.string(self)
  end
end

class Array
  def to_rrepr
    Ayl::Rrepr.nested(self) { "[#{Ayl::Rrepr.list(self)}]" }
  end
end

class Hash
  def to_rrepr
    code = Ayl::Rrepr.nested(self) { "{#{Ayl::Rrepr.pairs(self)}}" }
    instance_of?(Hash) || self.class.name != "ActiveSupport::HashWithIndifferentAccess" ? code : "#{code}.with_indifferent_access"
  end
end

class Range
  def to_rrepr
    "(#{Ayl::Rrepr.of(self.begin)}#{exclude_end? ? "..." : ".."}#{Ayl::Rrepr.of(self.end)})"
  end
end

class Set
  def to_rrepr
    Ayl::Rrepr.nested(self) { "Set[#{Ayl::Rrepr.list(to_a)}]" }
  end
end

class Struct
  def to_rrepr
    Ayl::Rrepr.struct(self)
  end
end

class Time
  def to_rrepr
    Ayl::Rrepr.time(self)
  end
end

class Date
  def to_rrepr
    Ayl::Rrepr.date(self)
  end
end

class DateTime
  def to_rrepr
    Ayl::Rrepr.date_time(self)
  end
end
