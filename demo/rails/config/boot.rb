# frozen_string_literal: true

# Here the gem comes from this checkout. Elsewhere its line stands in the Gemfile: `gem "ayl"`.
$LOAD_PATH.unshift File.expand_path("../../../ruby/lib", __dir__)
