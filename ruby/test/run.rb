#!/usr/bin/env ruby
# frozen_string_literal: true

# Runs every test of the gem, the executors and the preloader: `ruby ruby/test/run.rb [NAME …]`, for instance `executor`.
# Needs what Debian has: ruby-minitest, beanstalkd, ruby-beaneater, ruby-rails, ruby-sqlite3, python3, perl.

$LOAD_PATH.unshift File.expand_path("../lib", __dir__), __dir__

wanted = ARGV.reject { |argument| argument.start_with?("-") }
ARGV.reject! { |argument| wanted.include?(argument) }
Dir[File.join(__dir__, "**/*_test.rb")].sort.each do |file|
  require file if wanted.empty? || wanted.any? { |name| File.basename(file).start_with?(name) }
end
