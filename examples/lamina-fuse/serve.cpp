#include "serve.hpp"

#include <string>
#include <utility>

#include <lamina/fuse/mount.hpp>

#include "tree.hpp"

namespace lamina_fuse {

or_line<int> mount_and_serve(layers& opened, layer_paths const& paths, lamina::policy const& rules, view const& shown,
                             lamina::mount_options const& options, moments const& when) {
    auto const serve = [&]<class Tree, class Stack>(Tree& tree, Stack& stack) -> or_line<int> {
        {
            lamina::fuse_mount mount(tree, options);
            if (auto const mounted = mount.mount(opened.mountpoint); !mounted)
                return lamina::unexpected("cannot mount on '" + paths.mountpoint + "': " + to_string(mounted.error()));
            if (when.mounted)
                when.mounted();
            if (auto const served = mount.serve(); !served)
                return lamina::unexpected("serving ended: " + to_string(served.error()));
        }
        if constexpr (Stack::writable)
            if (when.ended) {
                auto const changes = stack.changes();
                if (!changes)
                    return lamina::unexpected("the changes cannot be told: " + to_string(changes.error()));
                when.ended(*changes);
            }
        return 0;
    };
    return with_tree(opened, paths, rules, shown, serve);
}

}  // namespace lamina_fuse
