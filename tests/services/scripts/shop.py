# A shop on Python's standard library, which copies one header: python3 shop.py <port> <payments> <shipping> <mails>.
import json
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, PAYMENTS, SHIPPING, MAILS = sys.argv[1:]


class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def post(self, address, path, body):
        request = urllib.request.Request(address + path, data=json.dumps(body).encode())
        request.add_header("Content-Type", "application/json")
        request.add_header("Durable-Egress-Token", self.headers.get("Durable-Egress-Token", ""))
        with urllib.request.urlopen(request) as response:
            return json.load(response)

    def checkout(self, order):
        charge = self.post(PAYMENTS, "charges", {"number": order["number"], "amount": order["amount"]})
        label = self.post(SHIPPING, "labels", {"number": order["number"]})
        self.post(MAILS, "mails", {"number": order["number"], "text": f"Your parcel is {label['tracking']}."})
        return {"order": order["number"], "charge": charge["id"], "tracking": label["tracking"]}

    def do_POST(self):
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            status, answer = 200, json.dumps(self.checkout(order)).encode()
        except OSError as error:
            status, answer = 500, str(error).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


class Server(ThreadingHTTPServer):
    # The default of five refuses connections when many orders arrive at once.
    request_queue_size = 128


Server(("127.0.0.1", int(PORT)), Shop).serve_forever()
