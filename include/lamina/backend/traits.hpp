// Small things that every user of a backend needs: how a layer is held, and how a node is given back.
#pragma once

#include <type_traits>
#include <utility>

#include <lamina/backend/concepts.hpp>

namespace lamina {

template <class B>
using file_of = typename B::file_type;

// Gives a retained node back when it goes out of scope. Requires: the backend outlives it.
template <class B>
class node_guard {
public:
    node_guard() = default;
    // Takes over one retention that the caller holds.
    node_guard(B& backend, node held) noexcept : backend_(&backend), node_(held) {}
    node_guard(node_guard&& other) noexcept : backend_(std::exchange(other.backend_, nullptr)), node_(other.node_) {}
    node_guard& operator=(node_guard&& other) noexcept {
        std::swap(backend_, other.backend_);
        std::swap(node_, other.node_);
        return *this;
    }
    ~node_guard() {
        if (backend_ != nullptr)
            backend_->release(node_);
    }
    // A guard over a node that is retained once more.
    [[nodiscard]] static node_guard share(B& backend, node n) {
        backend.retain(n);
        return {backend, n};
    }

    [[nodiscard]] node get() const noexcept { return node_; }
    [[nodiscard]] node operator*() const noexcept { return node_; }
    // The node, which the caller must now release.
    [[nodiscard]] node take() noexcept {
        backend_ = nullptr;
        return node_;
    }

private:
    B* backend_ = nullptr;
    node node_{};
};

// How an adaptor or a stack holds what it is given: an lvalue by reference (the caller keeps it alive), an rvalue by
// value.
template <class T>
class held;
template <class B>
class held<B&> {
public:
    using type = B;
    explicit held(B& backend) noexcept : backend_(&backend) {}
    [[nodiscard]] B& get() const noexcept { return *backend_; }

private:
    B* backend_;
};
template <class B>
    requires(!std::is_reference_v<B>)
class held<B> {
public:
    using type = B;
    explicit held(B&& backend) : backend_(std::move(backend)) {}
    // The holder is const-transparent: a layer's primitives are not const, a stack's are called through a const holder
    // too.
    [[nodiscard]] B& get() const noexcept { return backend_; }

private:
    mutable B backend_;
};

}  // namespace lamina
