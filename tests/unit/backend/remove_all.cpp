#include <lamina/backend/remove_all.hpp>

#include <functional>
#include <string>
#include <utility>

#include <lamina/backend/memory.hpp>
#include <lamina/backend/paths.hpp>

#include "catch.hpp"

using namespace lamina;

namespace {

template <class R>
errc outcome(R const& r) {
    return r.has_value() ? errc::ok : static_cast<error>(r.error()).code;
}

// A tree in which somebody else is at work, and whose listings are not what they seem.
class restless : public memory_tree {
public:
    result<void> list_at(node dir, entry_sink sink) {
        return memory_tree::list_at(dir, [&](directory_entry const& entry) {
            auto told = entry;
            if (tells)
                told.type = *tells;
            return sink(told);
        });
    }
    result<void> remove_at(node dir, name_ref name) {
        if (name.text == refused)
            return fail(errc::eacces, operation::remove);
        return memory_tree::remove_at(dir, name);
    }
    result<void> remove_directory_at(node dir, name_ref name) {
        if (before_directory)
            before_directory(name.text);
        return memory_tree::remove_directory_at(dir, name);
    }

    std::optional<lamina::file_type> tells;
    std::string refused;
    std::function<void(std::string_view)> before_directory;
};

void fill(restless& tree) {
    tree.create_directories("d/e/f").value();
    tree.write("d/e/g", "").value();
    tree.create_symlink("e", "d/link").value();
}

}  // namespace

TEST_CASE("[remove_all.race.1] what a listing does not tell, or tells wrongly, is found out") {
    for (auto const told : {file_type::unknown, file_type::regular, file_type::directory, file_type::symlink}) {
        restless tree;
        fill(tree);
        tree.tells = told;
        INFO(name(told));
        CHECK(paths::remove_all(tree, "d").value() == 5);
        CHECK(tree.memory_tree::list("/").value().empty());
    }
}

TEST_CASE("[remove_all.race.2] names that others make meanwhile go too, up to a point") {
    restless tree;
    fill(tree);
    int made = 0;
    tree.before_directory = [&](std::string_view name) {
        if (name == "e" && made < 3)
            tree.write(path::parse("d/e/late" + std::to_string(made++)).value(), "").value();
    };
    CHECK(paths::remove_all(tree, "d").value() == 8);
    CHECK(made == 3);
    CHECK(tree.memory_tree::list("/").value().empty());

    fill(tree);
    tree.before_directory = [&](std::string_view name) {
        if (name == "e")
            tree.write(path::parse("d/e/late" + std::to_string(made++)).value(), "").value();
    };
    auto const given_up = paths::remove_all(tree, "d");
    CHECK(outcome(given_up) == errc::enotempty);
    CHECK(given_up.error().path == "d/e");
}

TEST_CASE("[remove_all.race.3] what others remove meanwhile is not missed, and not counted") {
    restless tree;
    fill(tree);
    tree.before_directory = [&](std::string_view name) {
        if (name == "f")
            CHECK(outcome(tree.memory_tree::remove("d/e/f")) == errc::ok);
    };
    CHECK(paths::remove_all(tree, "d").value() == 4);
    CHECK(tree.memory_tree::list("/").value().empty());
}

TEST_CASE("[remove_all.failure] the error names what could not be removed, and what came before it is gone") {
    restless tree;
    fill(tree);
    tree.refused = "g";
    auto const refused = paths::remove_all(tree, "/d/");
    CHECK(outcome(refused) == errc::eacces);
    CHECK(refused.error().path == "d/e/g");
    CHECK(refused.error().what.op == operation::remove);
    CHECK(tree.exists("d/e/g").value() == true);
    tree.refused = "";
    CHECK(paths::remove_all(tree, "d").has_value());
}

namespace {

class removes_at_once : public memory_tree {
public:
    result<void> remove_tree_at(node dir, name_ref name) {
        ++asked;
        LAMINA_TRY(auto const found, memory_tree::lookup(dir, name));
        if (!found)
            return fail(errc::enoent, operation::remove);
        std::string where;
        LAMINA_CHECK(paths::remove_each(static_cast<memory_tree&>(*this), dir, name, where));
        return {};
    }
    int asked = 0;
};

}  // namespace

TEST_CASE("[remove_all.at_once] a backend that removes a tree in one step is asked for that, and it counts as one") {
    removes_at_once tree;
    tree.create_directories("d/e").value();
    CHECK(paths::remove_all(tree, "d").value() == 1);
    CHECK(paths::remove_all(tree, "d").value() == 0);
    CHECK(tree.asked == 2);
    CHECK(outcome(paths::remove_all(tree, "/")) == errc::ebusy);
    CHECK(tree.asked == 2);
}
