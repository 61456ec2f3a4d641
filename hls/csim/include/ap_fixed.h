// Takes the place of the vendor's header of the same name when the firmware's sources are compiled for speed.
#ifndef TAGWARE_AP_FIXED_H
#define TAGWARE_AP_FIXED_H

#include "ap_int.h"

#endif
