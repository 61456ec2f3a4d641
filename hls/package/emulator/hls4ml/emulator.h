// The interface of an emulated model that CMSSW loads: that of hls4mlEmulatorExtras (include/hls4ml/emulator.h), with
// the same virtual functions in the same order. Written for this package, so that it builds where the original is not
// installed; where it is, build with EMULATOR_INCLUDE naming its folder.
// SPDX-License-Identifier: Apache-2.0
#ifndef HLS4ML_EMULATOR_H_
#define HLS4ML_EMULATOR_H_

#include <any>

namespace hls4mlEmulator {

class Model {
  public:
    virtual void prepare_input(std::any input) = 0;
    virtual void predict() = 0;
    virtual void read_result(std::any result) = 0;
    virtual ~Model() = default;
};

typedef Model *create_model_cls();
typedef void destroy_model_cls(Model *);

} // namespace hls4mlEmulator

#endif
