using System.Globalization;

namespace LegacyCheckout;

/// <summary>Places one order with each of the shop's two configurations, kills the shop in the middle, and compares the ledgers.</summary>
internal static class Demonstration
{
    /// <returns>Whether the ledgers are as the README says.</returns>
    public static async Task<bool> RunAsync(CancellationToken cancellation)
    {
        await using var payments = await Partner.StartAsync("charge", "/charges", n => new { Id = $"ch_{n}" });
        await using var shipping = await Partner.StartAsync("label", "/labels", n => new { Tracking = $"parcel {n}" });
        await using var mails = await Partner.StartAsync("mail", "/mails", n => new { Id = $"mail {n}" });
        Partner[] partners = [payments, shipping, mails];

        var data = Directory.CreateTempSubdirectory("legacy-checkout-").FullName;
        try
        {
            string shop = Ports.FreeUrl(), url = Ports.FreeUrl(), control = Ports.FreeUrl(), egress = Ports.FreeUrl();
            using var gateway = new Child("GatewayAssembly",
            [
                "--upstream", shop, $"--Durable:Listeners:Public={url}", $"--Durable:Listeners:Control={control}",
                $"--Durable:Listeners:Egress={egress}", $"--Durable:Store:DataDirectory={data}",
                .. Route("payments", payments), .. Route("shipping", shipping), .. Route("mails", mails),
            ]);
            await gateway.WaitForAsync(control + "/readyz", cancellation);

            Console.WriteLine("""

                A shop takes an order: it charges a card, orders a label and sends a mail. Its process is killed while it
                waits for the label, and starts again. The gateway in front of it sends the order again.

                1. The shop calls its partners directly.

                """);
            await OrderAsync(1, shop, url, shipping, $"{payments.Url}/", $"{shipping.Url}/", $"{mails.Url}/", cancellation);
            Console.WriteLine("""

                2. The same shop calls its partners through the gateway's egress listener.

                """);
            await OrderAsync(2, shop, url, shipping, $"{egress}/payments/", $"{egress}/shipping/", $"{egress}/mails/", cancellation);

            Console.WriteLine($"\n  {"what the partners did",-24}{"order 1, directly",18}{"order 2, through the listener",32}");
            foreach (var partner in partners) Console.WriteLine($"  {partner.Name,-24}{partner.Count(1),18}{partner.Count(2),32}");
            Console.WriteLine();
            return partners.Select(partner => (partner.Count(1), partner.Count(2))).SequenceEqual([(2, 1), (2, 1), (1, 1)]);
        }
        finally
        {
            Delete(data);
        }
    }

    private static async Task OrderAsync(int number, string url, string gateway, Partner shipping, string payments, string labels,
        string mails, CancellationToken cancellation)
    {
        // This is all that differs between the two orders: where the shop finds its partners.
        string[] args = ["--urls", url, "--Partners:Payments", payments, "--Partners:Shipping", labels, "--Partners:Mails", mails];
        var label = shipping.HoldNext();
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        Task<HttpResponseMessage> order;
        using (var first = new Child("ShopAssembly", args))
        {
            await first.WaitForAsync(url, cancellation);
            order = client.PostAsJsonAsync(gateway + "/orders", new { Number = number, Amount = 49.90m }, cancellation);
            await await Task.WhenAny(label.Reached, order).WaitAsync(cancellation);
            await first.KillAsync();
        }

        Console.WriteLine("   ✗ the shop is killed, and starts again");
        label.Release();
        using var second = new Child("ShopAssembly", args);
        await second.WaitForAsync(url, cancellation);
        using var response = await order;
        var body = await response.Content.ReadAsStringAsync(cancellation);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"   The client gets {(int)response.StatusCode} {body}"));
    }

    private static string[] Route(string name, Partner partner) =>
    [
        $"--ReverseProxy:Routes:{name}:ClusterId={name}",
        $"--ReverseProxy:Routes:{name}:Match:Path=/{name}/{{**rest}}",
        $"--ReverseProxy:Routes:{name}:Transforms:0:PathRemovePrefix=/{name}",
        $"--ReverseProxy:Routes:{name}:Metadata:Durable.Step=Remember",
        $"--ReverseProxy:Clusters:{name}:Destinations:one:Address={partner.Url}",
    ];

    private static void Delete(string directory)
    {
        try
        {
            Directory.Delete(directory, recursive: true);
        }
        catch (IOException)
        {
            // The folder is in the directory for temporary files, so it may stay.
        }
    }
}
