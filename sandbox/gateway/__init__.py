"""The data plane of API Management: serves what the ARM emulator holds, policies included."""
