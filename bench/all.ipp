// Every workload, for one driver: a file in on/ defines the driver and calls add_driver.
#pragma once

#include "delete.ipp"
#include "read.ipp"
#include "rename.ipp"
#include "write.ipp"

namespace bench {

template <class Driver>
bool add_driver() {
    registrations().push_back({Driver::name, &Driver::unavailable, [] {
                                   add_reading<Driver>();
                                   add_writing<Driver>();
                                   add_deleting<Driver>();
                                   add_renaming<Driver>();
                               }});
    return true;
}

}  // namespace bench
