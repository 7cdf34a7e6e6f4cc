/* The implementation, compiled once for all tests of a configuration (as C, or by the C++ compiler as conc_impl.cc); its I/O calls can
   be made to fail. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#define FAULTS_IMPLEMENTATION
#include "faults.h"
#define CONC_IMPLEMENTATION
#include "conc.h"
