// Every workload: a file in on/ defines a driver and adds it with the parts that it is to be measured on.
#pragma once

#include "delete.ipp"
#include "growth.ipp"
#include "read.ipp"
#include "rename.ipp"
#include "write.ipp"

namespace bench {

// `Ordered` is the same driver where it flushes data before names; a driver that knows no difference leaves it out.
template <class Driver, class Ordered = Driver>
std::vector<void (*)()> table_only() {
    return {&add_looking<Driver>,  &add_reading<Driver>,  &add_writing<Driver>,
            &add_deleting<Driver>, &add_renaming<Driver>, &add_ordered_writing<Ordered>};
}

template <class Driver, class Ordered = Driver>
std::vector<void (*)()> everything() {
    auto parts = table_only<Driver, Ordered>();
    parts.push_back(&add_growing<Driver>);
    return parts;
}

}  // namespace bench
