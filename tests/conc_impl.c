/* The implementation, compiled once for all tests of a configuration (as C, or by the C++ compiler as conc_impl.cc). */
#define CONC_IMPLEMENTATION
#include "conc.h"
