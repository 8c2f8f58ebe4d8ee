//! Agreement on one block at each height.
