// What the harness needs of hls4ml's header of this name.
#include <map>
#include <string>
