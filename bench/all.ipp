// Every workload, for one driver: a file in on/ defines the driver and calls add_driver. `Ordered` is the same driver where it
// flushes data before names (driver.hpp); a driver that knows no difference leaves it out.
#pragma once

#include "delete.ipp"
#include "read.ipp"
#include "rename.ipp"
#include "write.ipp"

namespace bench {

template <class Driver, class Ordered = Driver>
bool add_driver() {
    registrations().push_back({Driver::name, &Driver::unavailable, [] {
                                   add_reading<Driver>();
                                   add_writing<Driver>();
                                   add_deleting<Driver>();
                                   add_renaming<Driver>();
                                   add_ordered_writing<Ordered>();
                               }});
    return true;
}

}  // namespace bench
