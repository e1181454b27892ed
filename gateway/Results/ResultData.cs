using DurableGateway.Runs;

namespace DurableGateway.Results;

/// <summary>A result in an event stream.</summary>
/// <param name="Status">The status code.</param>
/// <param name="Headers">The name and value of each line, in order.</param>
/// <param name="Body">Text if the body is UTF-8, otherwise base64.</param>
/// <param name="Encoding"><c>utf-8</c> or <c>base64</c>.</param>
internal sealed record ResultData(int Status, IEnumerable<string[]> Headers, string Body, string Encoding)
{
    private static readonly System.Text.UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static ResultData From(StoredResponse response)
    {
        var headers = response.Headers.Select(line => new[] { line.Name, line.Value });
        try
        {
            return new ResultData(response.Status, headers, Strict.GetString(response.Body.Span), "utf-8");
        }
        catch (ArgumentException)
        {
            return new ResultData(response.Status, headers, Convert.ToBase64String(response.Body.Span), "base64");
        }
    }
}
