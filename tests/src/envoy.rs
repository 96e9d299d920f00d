//! Envoy's own admin interface, for what can be seen nowhere else.
