namespace DurableGateway.Proxy;

internal static class RequestBodies
{
    /// <summary>Reads a body that is for the gateway itself; <see langword="null"/> if it exceeds the limit.</summary>
    public static async Task<byte[]?> ReadWholeAsync(this HttpRequest request, long limit)
    {
        if (request.ContentLength > limit) return null;
        using var body = new MemoryStream();
        var buffer = new byte[16 * 1024];
        int read;
        while ((read = await request.Body.ReadAsync(buffer, request.HttpContext.RequestAborted)) > 0)
        {
            if (body.Length + read > limit) return null;
            body.Write(buffer, 0, read);
        }

        return body.ToArray();
    }
}
