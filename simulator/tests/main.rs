mod bench;
mod clients;
mod families;
mod replay;
mod transport;
