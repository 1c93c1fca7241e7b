// Compiled with the flags of this instruction set (setup.py); one shared library each, so that no
// inline function of one set can be linked into another.
#include "entry.hpp"
