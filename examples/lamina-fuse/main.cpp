// lamina-fuse: mounts joined layers, as fuse-overlayfs does and with its options.
//
//     lamina-fuse [-f] [-d] [-o OPTION[,OPTION...]] [SOURCE] MOUNTPOINT
//
// Order of effects: the command line is judged; the process that will serve is forked; it opens and joins the layers,
// mounts, and tells the waiting one, which returns to the caller; it serves until it is unmounted or told to end. Whatever
// fails before is one line on stderr and exit 1; whatever fails afterwards is a line in the system's log.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/version.hpp>

#include "background.hpp"
#include "layers.hpp"
#include "options.hpp"
#include "serve.hpp"

namespace {

using namespace lamina_fuse;

constexpr char const* usage =
    R"(usage: lamina-fuse [-f] [-d] [-o OPTION[,OPTION...]] [SOURCE] MOUNTPOINT

    -f                      stay in the foreground
    -d   --debug            tell each request on stderr; implies -f
    -h   --help             this text
    -V   --version          the version

    -o lowerdir=L1[:L2...]  the lower layers, topmost first: directories and tar archives; \: and \, are a colon and a comma
    -o upperdir=DIR         where changes are written; without it the mount is read-only
    -o workdir=DIR          an empty directory on the file system of upperdir
    -o volatile, fsync=0    nothing is flushed
    -o uidmapping=H:C:N..., gidmapping=H:C:N...
                            ids from H on in the layers are those from C on in the mount, N of them
    -o squash_to_root, squash_to_uid=N, squash_to_gid=N
                            everything is shown as theirs
    -o xattr_permissions=1|2
                            owners and modes are recorded in attributes: 1 security., 2 user.
    -o noxattrs, noacl, static_nlink, timeout=SECONDS, writeback=0|1, threaded=0|1
    -o redirect_dir=on|off|follow|nofollow, metacopy=on|off, index=on|off, verity=on|off|require, userxattr
                            as the kernel's overlayfs has them
    -o workers=N, blocks, passthrough, io_uring=0|1, fsname=NAME
    -o allow_other, ro, nosuid, nodev, noexec, noatime, ...
                            as mount(8) has them
)";

// Labels are for a kernel that has SELinux; another one refuses to mount with them.
bool kernel_labels_files() {
    struct stat object;
    return ::stat("/sys/fs/selinux/enforce", &object) == 0;
}

// As fuse-overlayfs has it unless told otherwise: a mount that root makes, of a user namespace too, is for everybody in
// it and keeps set-id bits; and no access times, which would be written for each read.
std::vector<std::string> generic_options(options const& asked) {
    auto made = asked.generic;
    auto const lacks = [&](std::string_view a, std::string_view b) {
        return std::find(made.begin(), made.end(), a) == made.end() && std::find(made.begin(), made.end(), b) == made.end();
    };
    bool const root = ::geteuid() == 0;
    if (root && lacks("allow_other", "allow_root"))
        made.emplace_back("allow_other");
    if (root && lacks("suid", "nosuid"))
        made.emplace_back("suid");
    if (lacks("atime", "noatime"))
        made.emplace_back("noatime");
    return made;
}

lamina::mount_options mount_options_of(options const& asked) {
    lamina::mount_options made;
    made.source = !asked.name.empty() ? asked.name : "lamina-fuse";
    made.subtype = "lamina-fuse";
    made.generic = generic_options(asked);
    if (kernel_labels_files())
        made.generic.insert(made.generic.end(), asked.labels.begin(), asked.labels.end());
    made.read_only = asked.read_only;
    made.sync = asked.sync;
    made.xattrs = asked.xattrs;
    made.acls = asked.acls;
    made.static_nlink = asked.static_nlink;
    made.passthrough = asked.passthrough;
    made.io_uring = asked.io_uring;
    made.workers = asked.workers;
    made.writeback = asked.writeback.value_or(made.writeback);
    if (asked.timeout)
        made.entry_timeout = made.attribute_timeout = made.negative_timeout = *asked.timeout;
    made.handle_signals = true;
    made.debug = asked.debug;
    return made;
}

lamina::policy policy_of(options const& asked) {
    lamina::policy rules;
    rules.aufs_in_lowers = true;  // container engines unpack images so for a program like this one
    if (asked.user_xattrs)
        rules.marks = lamina::mark_space::user;
    rules.redirect = asked.redirect;
    rules.metacopy = asked.metacopy;
    rules.index = asked.index;
    rules.verify = asked.verify;
    rules.blocks = asked.blocks;
    if (!asked.sync) {
        rules.durable = lamina::durability::none;
        rules.accept_unclean = true;  // who asks for it again has accepted the loss
    }
    return rules;
}

view view_of(options const& asked) {
    view shown;
    shown.users = asked.users;
    shown.groups = asked.groups;
    shown.squash.user = asked.squash_user;
    shown.squash.group = asked.squash_group;
    if (asked.recorded == recorded_permissions::privileged)
        shown.recorded = lamina::stat_record::privileged;
    if (asked.recorded == recorded_permissions::user)
        shown.recorded = lamina::stat_record::containers;
    return shown;
}

or_line<int> run(options const& asked, background& caller) {
    layer_paths const paths{.lowers = asked.lowers,
                            .upper = asked.upper,
                            .work = asked.work,
                            .mountpoint = asked.mountpoint,
                            .read_only = asked.read_only};
    LAMINA_TRY(auto opened, open_layers(paths));
    moments when;
    when.mounted = [&] { caller.succeeded(); };
    return mount_and_serve(opened, paths, policy_of(asked), view_of(asked), mount_options_of(asked), when);
}

}  // namespace

int main(int count, char** words) {
    auto const outcome = parse({words + 1, static_cast<std::size_t>(count > 0 ? count - 1 : 0)});
    if (!outcome.value) {
        std::fprintf(stderr, "lamina-fuse: %s\n", outcome.error.c_str());
        return 1;
    }
    auto const& asked = *outcome.value;
    if (asked.help || asked.version) {
        std::fputs(asked.help ? usage : "lamina-fuse: version " LAMINA_VERSION_STRING "\n", stdout);
        return 0;
    }
    background caller("lamina-fuse", asked.foreground ? background::stay::yes : background::stay::no);
    prepare_to_serve();
    try {
        auto const ended = run(asked, caller);
        return ended ? *ended : caller.failed(ended.error());
    } catch (std::exception const& problem) {  // memory
        return caller.failed(problem.what());
    }
}
