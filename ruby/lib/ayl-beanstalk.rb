# frozen_string_literal: true

# The name under which applications required the gem ayl-beanstalk, which is part of this one.
require "ayl"
