mod bench;
mod families;
mod replay;
mod transport;
