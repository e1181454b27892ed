namespace DurableGateway.Client.Conformance;

/// <summary>Ends the handler with a response of the program.</summary>
internal sealed class RespondException(int status, string body, IReadOnlyDictionary<string, string> headers) : Exception
{
    public int Status => status;

    public string Body => body;

    public IReadOnlyDictionary<string, string> Headers => headers;
}
