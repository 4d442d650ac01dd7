"""Certificates for one test, made by the openssl program."""

import ssl
import subprocess


class Certs:
    """An authority in folder; issue() makes <name>.crt and <name>.key by it."""

    def __init__(self, folder, name="ca"):
        self.folder, self.name = folder, name
        self._openssl("req", "-x509", *self.NEW_KEY, "-days", "2", "-subj", f"/CN={name}",
                      "-addext", "keyUsage=critical,keyCertSign,cRLSign",
                      "-keyout", f"{name}.key", "-out", f"{name}.crt")

    NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

    def _openssl(self, *args):
        done = subprocess.run(["openssl", *args], cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def ca(self):
        return self.folder / f"{self.name}.crt"

    def hash(self):
        """The name that OpenSSL looks for in a folder of authorities, without its number."""
        return self._openssl("x509", "-in", f"{self.name}.crt", "-noout", "-hash").strip()

    def issue(self, name, names="IP:127.0.0.1,DNS:localhost", days=2):
        """(certificate, key) for the given alternative names."""
        (self.folder / f"{name}.ext").write_text(f"subjectAltName={names}\n"
                                                 "subjectKeyIdentifier=hash\n"
                                                 "authorityKeyIdentifier=keyid\n")
        self._openssl("req", *self.NEW_KEY, "-subj", f"/CN={name}", "-keyout", f"{name}.key",
                      "-out", f"{name}.csr")
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{self.name}.crt", "-CAkey",
                      f"{self.name}.key", "-CAcreateserial", "-days", str(days), "-extfile",
                      f"{name}.ext", "-out", f"{name}.crt")
        return self.folder / f"{name}.crt", self.folder / f"{name}.key"

    def context(self):
        """For a client that trusts this authority alone."""
        return ssl.create_default_context(cafile=str(self.ca))
