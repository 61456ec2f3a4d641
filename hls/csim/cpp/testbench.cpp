// Runs the firmware on stored inputs and compares every bit of its outputs with stored golden ones.
//
//     testbench [FOLDER]      FOLDER holds inputs.txt and golden.txt; "vectors" unless given
//
// Exit status: 0 all equal, 1 a difference (the first is printed), 2 the vectors cannot be read. It needs nothing but a
// C++11 compiler with the project's folder, its firmware/ap_types and this file's folder on the include path; in a
// vendor's C simulation add it and the vectors as testbench files.
#include "harness.h"

#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

namespace {

struct Unreadable {
    std::string reason;
};

// A file of integer codes: a header line "tagware-vectors 1 KIND N_VECTORS N_VALUES WIDTH FRACTION SIGNED TYPE", then
// one line a vector.
class Vectors {
  public:
    Vectors(const std::string &path, const std::string &kind, int n_values, csim::Format format)
        : path_(path), file_(path.c_str()), n_values_(n_values), line_(1) {
        std::string magic, found_kind;
        int version = 0, values = 0, width = 0, fraction = 0, is_signed = 0;
        std::string header;
        if (!std::getline(file_, header))
            fail("there is no such file, or it is empty");
        std::istringstream words(header);
        words >> magic >> version >> found_kind >> size_ >> values >> width >> fraction >> is_signed;
        if (!words || magic != "tagware-vectors" || version != 1 || found_kind != kind || size_ < 1)
            fail("its first line is not a header of " + kind);
        if (values != n_values || width != format.width || fraction != format.fraction ||
            bool(is_signed) != format.is_signed)
            fail("its header does not fit the firmware's " + kind);
    }

    long size() const { return size_; }

    void next(std::vector<long long> &codes) {
        std::string text;
        line_++;
        if (!std::getline(file_, text))
            fail("it ends too early");
        std::istringstream words(text);
        codes.resize(n_values_);
        for (int i = 0; i < n_values_; i++)
            if (!(words >> codes[i]))
                fail("this line has too few integers");
    }

  private:
    void fail(const std::string &reason) const {
        std::ostringstream text;
        text << path_ << ", line " << line_ << ": " << reason;
        throw Unreadable{text.str()};
    }

    std::string path_;
    std::ifstream file_;
    int n_values_;
    long line_, size_;
};

// The number of outputs of one jet that differ; the first one ever is printed.
int differences(long jet, const std::vector<long long> &got, const std::vector<long long> &want, int fraction,
                bool quiet) {
    int count = 0;
    for (std::size_t i = 0; i < want.size(); i++)
        if (got[i] != want[i] && count++ == 0 && !quiet)
            std::printf("first difference: jet %ld, output %d: got %lld, want %lld (units of 2^%d)\n", jet, int(i),
                        got[i], want[i], -fraction);
    return count;
}

int compare(const std::string &folder) {
    Vectors inputs(folder + "/inputs.txt", "inputs", CSIM_N_INPUTS, csim::input_format());
    Vectors golden(folder + "/golden.txt", "golden", CSIM_N_OUTPUTS, csim::output_format());
    if (inputs.size() != golden.size())
        throw Unreadable{folder + ": inputs.txt and golden.txt hold different numbers of vectors"};
    std::vector<long long> codes, want, got(CSIM_N_OUTPUTS);
    long n_mismatch = 0;
    for (long jet = 0; jet < inputs.size(); jet++) {
        csim::Jet ports;
        inputs.next(codes);
        golden.next(want);
        for (int i = 0; i < CSIM_N_INPUTS; i++)
            csim::set_code(ports.input[i], codes[i]);
        ports.send();
        CSIM_TOP(ports.source, ports.sink); // by its name: a vendor's co-simulation puts the RTL in its place
        ports.receive();
        for (int i = 0; i < CSIM_N_OUTPUTS; i++)
            got[i] = csim::code_of(ports.output[i]);
        n_mismatch += differences(jet, got, want, csim::output_format().fraction, n_mismatch > 0) > 0;
    }
    std::printf("%ld vectors, %ld differ\n", inputs.size(), n_mismatch);
    return n_mismatch == 0 ? 0 : 1;
}

} // namespace

int main(int argc, char **argv) {
    try {
        return compare(argc > 1 ? argv[1] : "vectors");
    } catch (const Unreadable &problem) {
        std::fprintf(stderr, "%s\n", problem.reason.c_str());
        return 2;
    }
}
