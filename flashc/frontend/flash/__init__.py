"""The dialect of Flash: everything that knows the SDK's names."""
